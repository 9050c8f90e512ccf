// The verbs of an `artifacts` binding, over REST: what both adapters hand out.
//
// It is one file because a module of a workerd extension can import no other by a relative name.

const NUMBERS = {
  INVALID_INPUT: 10100,
  INVALID_REPO_NAME: 10101,
  INVALID_TTL: 10103,
  INVALID_URL: 10104,
  REMOTE_AUTH_REQUIRED: 10106,
  NOT_FOUND: 10200,
  ALREADY_EXISTS: 10201,
  CREATE_IN_PROGRESS: 10301,
  IMPORT_IN_PROGRESS: 10302,
  FORK_IN_PROGRESS: 10303,
  INTERNAL_ERROR: 10400,
  UPSTREAM_UNAVAILABLE: 10401,
  MEMORY_LIMIT: 10402,
};
const CODES = Object.fromEntries(Object.entries(NUMBERS).map(([code, number]) => [number, code]));

const TRIES = 4;
const FIRST_PAUSE_MS = 250;
/** A longer wait than this is the caller's to decide on: a Worker is not there for long. */
const PAUSE_MS_MAX = 10_000;
const ANSWER_MS_MAX = 60_000;
/** What one Worker hands another by RPC has 32 MiB at most. */
const BUFFERED_BYTES_MAX = 31 * 2 ** 20;
/** What the server sends files as; anything else is the page of a proxy. */
const BYTES_TYPE = /^(application\/octet-stream|text\/plain|image\/)/;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const HASH = /^[0-9a-f]{40}$/;
const TOKEN_OR_ID = /^[\w-]+$/;
const DAY_SECONDS = 86_400;
const TOKENS_MAX = 100;
const UNDER_WAY = { creating: "CREATE_IN_PROGRESS", importing: "IMPORT_IN_PROGRESS", forking: "FORK_IN_PROGRESS" };

/** What every verb throws. `code` is for programs, `numericCode` is its number in REST. */
export class ArtifactsError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "ArtifactsError";
    this.code = code;
    this.numericCode = NUMBERS[code];
  }
}

/**
 * One namespace as `env.ARTIFACTS` shows it: `{ fetch, base, account, namespace, token }` say which.
 *
 * `fetch` reaches the server at `base` (such as `http://127.0.0.1:8787`); `token` is an API token of `account`. An
 * answer may take `answerMs` milliseconds.
 */
export function artifacts(place) {
  const rest = new Rest(place);
  return {
    async create(name, options) {
      const { description, readOnly, setDefaultBranch } = options ?? {};
      const body = { name: checkedName(name), description, read_only: readOnly, default_branch: setDefaultBranch };
      return madeRepo(await rest.result("POST", "/repos", body));
    },

    async get(name) {
      const row = await rest.result("GET", repoPath(name));
      const code = UNDER_WAY[row.status];
      if (code) throw new ArtifactsError(code, `repo ${name} is still ${row.status}`);
      // Metadata as properties is how the binding began; today `info()` has it. Programs of both kinds find theirs.
      return { ...repoInfo(row), ...repoVerbs(rest, row.name) };
    },

    async import(params) {
      const { source, target } = params ?? {};
      const { url, branch, depth } = source ?? {};
      const { description, readOnly } = target?.opts ?? {};
      const body = { url, branch, depth, description, read_only: readOnly };
      return madeRepo(await rest.result("POST", `${repoPath(target?.name)}/import`, body));
    },

    async list(options) {
      const { limit, cursor } = options ?? {};
      const { result, result_info: told } = await rest.envelope("GET", `/repos${query({ limit, cursor })}`);
      const repos = result.map((row) => withoutRemote(repoInfo(row)));
      return { repos, total: told.total_count, ...(told.cursor && { cursor: told.cursor }) };
    },

    async delete(name) {
      return isFound(rest.result("DELETE", repoPath(name)));
    },
  };
}

function repoVerbs(rest, name) {
  const path = repoPath(name);
  return {
    async info() {
      return repoInfo(await rest.result("GET", path));
    },

    async createToken(scope = "write", ttl = DAY_SECONDS) {
      const made = await rest.result("POST", "/tokens", { repo: name, scope, ttl });
      return { id: made.id, plaintext: made.plaintext, scope: made.scope, expiresAt: made.expires_at };
    },

    async listTokens() {
      const asked = query({ state: "all", per_page: TOKENS_MAX });
      const { result, result_info: told } = await rest.envelope("GET", `${path}/tokens${asked}`);
      return { tokens: result.map(tokenInfo), total: told.total_count };
    },

    async revokeToken(tokenOrId) {
      return isFound(rest.result("DELETE", `/tokens/${await tokenName(tokenOrId)}`));
    },

    async readBlob(hash) {
      const found = await orNull(rest.bytes(`${path}/blob/${checkedHash(hash)}`));
      return found && new Blob([found.bytes]);
    },

    async readTree(hash) {
      return orNull(rest.result("GET", `${path}/tree/${checkedHash(hash)}`));
    },

    async readCommit(hash) {
      return orNull(rest.result("GET", `${path}/commit/${checkedHash(hash)}`));
    },

    async readFile(args) {
      const place = [checkedText("ref", args?.ref), ...checkedText("path", args?.path).split("/").filter(isStep)];
      if (place.length < 2 || !place.every(isName)) return null;
      const found = await orNull(rest.bytes(`${path}/raw/${place.map(encodeURIComponent).join("/")}`));
      return found && new Blob([found.bytes], { type: found.type });
    },

    async log(options) {
      const { ref, limit, offset } = options ?? {};
      return rest.result("GET", `${path}/log${query({ ref, limit, offset })}`);
    },

    async fork(newName, options) {
      const { description, readOnly, defaultBranchOnly = true } = options ?? {};
      const wish = { description, read_only: readOnly, default_branch_only: defaultBranchOnly };
      return madeRepo(await rest.result("POST", `${path}/fork`, { name: checkedName(newName), ...wish }));
    },

    [Symbol.dispose]() {},
  };
}

/** Names that the server would refuse anyway, and that would lead to another place in a URL. */
function checkedName(name) {
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new ArtifactsError("INVALID_REPO_NAME", "a repo's name has letters, digits, '.', '_' and '-'");
}

function repoPath(name) {
  return `/repos/${checkedName(name)}`;
}

function checkedHash(hash) {
  if (typeof hash === "string" && HASH.test(hash)) return hash;
  throw new ArtifactsError("INVALID_INPUT", "hash: must be 40 hex digits in lower case");
}

function checkedText(field, text) {
  if (typeof text === "string" && text !== "" && text.isWellFormed()) return text;
  throw new ArtifactsError("INVALID_INPUT", `${field}: must be a text that is not empty`);
}

function isStep(segment) {
  return segment !== "" && segment !== ".";
}

/** Whether a URL has it as it is: `..` would lead out, and no file has that name. */
function isName(segment) {
  return segment !== "." && segment !== "..";
}

/** How a token is named in a URL: by its id, or by its digest, so that no log of a proxy has the secret. */
async function tokenName(tokenOrId) {
  const [name] = checkedText("tokenOrId", tokenOrId).split("?");
  if (!TOKEN_OR_ID.test(name)) throw new ArtifactsError("INVALID_INPUT", "tokenOrId: must be a token or its id");
  if (!name.startsWith("art_v1_")) return name;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return `sha256:${hex.join("")}`;
}

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

async function orNull(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error.code === "NOT_FOUND") return null;
    throw error;
  }
}

async function isFound(asked) {
  return (await orNull(asked)) !== null;
}

function madeRepo(row) {
  const { id, name, description, default_branch: defaultBranch, remote, token } = row;
  return { id, name, description, defaultBranch, remote, token };
}

function repoInfo(row) {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    defaultBranch: row.default_branch,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastPushAt: row.last_push_at,
    source: row.source,
    readOnly: row.read_only,
    remote: row.remote,
  };
}

function withoutRemote({ remote, ...info }) {
  return info;
}

function tokenInfo(row) {
  return { id: row.id, scope: row.scope, state: row.state, createdAt: row.created_at, expiresAt: row.expires_at };
}

/** Speaks for the namespace that `artifacts` was told of. */
class Rest {
  #fetch;
  #root;
  #headers;
  #answerMs;

  constructor({ fetch, base, account, namespace, token, answerMs = ANSWER_MS_MAX }) {
    if (!base || !token) {
      throw new ArtifactsError("INTERNAL_ERROR", "the adapter needs the URL of a Treehold server and an API token");
    }
    const place = `accounts/${encodeURIComponent(account)}/artifacts/namespaces/${encodeURIComponent(namespace)}`;
    this.#fetch = fetch;
    this.#root = `${base.replace(/\/+$/, "")}/client/v4/${place}`;
    this.#headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    this.#answerMs = answerMs;
  }

  /** The whole envelope of a success. */
  async envelope(method, path, body) {
    return readEnvelope(await this.#send(method, path, body));
  }

  /** The result of a success. */
  async result(method, path, body) {
    return (await this.envelope(method, path, body)).result;
  }

  /** The bytes of an object, with the type that the server gives them. */
  async bytes(path) {
    const answer = await this.#send("GET", path);
    if (!answer.ok) throw await errorOf(answer);
    const type = answer.headers.get("content-type") ?? "";
    if (!BYTES_TYPE.test(type)) throw strange(answer);
    if (Number(answer.headers.get("content-length")) > BUFFERED_BYTES_MAX) {
      await answer.body?.cancel();
      throw new ArtifactsError("MEMORY_LIMIT", `an object of more than ${BUFFERED_BYTES_MAX} bytes is for Git to read`);
    }
    try {
      return { bytes: await answer.arrayBuffer(), type };
    } catch {
      throw new ArtifactsError("INTERNAL_ERROR", "the answer of the Treehold server broke off");
    }
  }

  /** Asks until it is answered for good. A POST bears a key, so that the server does it once however often it comes. */
  async #send(method, path, body) {
    const asked = { method, headers: { ...this.#headers }, redirect: "manual" };
    if (method === "POST") asked.headers["idempotency-key"] = crypto.randomUUID();
    if (body !== undefined) asked.body = JSON.stringify(body);
    for (let tried = 1, pause = FIRST_PAUSE_MS; ; tried++, pause *= 2) {
      const answer = await this.#once(path, asked);
      const wait = tried < TRIES ? waitAfter(answer, pause, method) : null;
      if (wait === null) {
        if (answer === null) throw new ArtifactsError("INTERNAL_ERROR", "the Treehold server cannot be reached");
        return answer;
      }
      await answer?.body?.cancel();
      await new Promise((resume) => setTimeout(resume, wait));
    }
  }

  /** The answer; null when there was none. */
  async #once(path, asked) {
    try {
      return await this.#fetch(this.#root + path, { ...asked, signal: AbortSignal.timeout(this.#answerMs) });
    } catch (error) {
      // One that is still at work would only get more of it.
      if (error?.name === "TimeoutError") {
        throw new ArtifactsError("INTERNAL_ERROR", "the Treehold server did not answer in time");
      }
      return null;
    }
  }
}

/** Milliseconds until the next try; null when the answer is the last. */
function waitAfter(answer, pause, method) {
  const own = pause * (0.5 + Math.random() / 2);
  if (answer === null) return own;
  const asked = /^\d{1,9}$/.exec(answer.headers.get("retry-after") ?? "");
  const passes =
    answer.status === 429 ||
    answer.status === 503 ||
    (answer.status === 409 && asked) || // the first try of this very call is still under way
    ((answer.status === 502 || answer.status === 504) && method !== "POST"); // an import fails so when its remote does
  if (!passes) return null;
  const wait = asked ? Number(asked[0]) * 1000 : own;
  return wait <= PAUSE_MS_MAX ? wait : null;
}

async function readEnvelope(answer) {
  if (!answer.ok) throw await errorOf(answer);
  const envelope = await jsonOf(answer);
  if (envelope?.success !== true) throw strange(answer);
  return envelope;
}

async function errorOf(answer) {
  const told = (await jsonOf(answer))?.errors?.[0];
  if (!Number.isInteger(told?.code)) return strange(answer);
  const code = CODES[told.code];
  if (code) return new ArtifactsError(code, String(told.message));
  // The binding has no name for it, such as 10000: the API token is not right.
  return new ArtifactsError("INTERNAL_ERROR", `${told.message} (REST code ${told.code})`);
}

async function jsonOf(answer) {
  try {
    return await answer.json();
  } catch {
    return null;
  }
}

function strange(answer) {
  return new ArtifactsError("INTERNAL_ERROR", `HTTP ${answer.status} is not what a Treehold server answers here`);
}
