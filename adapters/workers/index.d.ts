// The `artifacts` binding as `wrangler types` declares it, for Workers whose `env.ARTIFACTS` is one of these adapters:
//
//     import type { Artifacts } from "…/adapters/workers";
//     interface Env { ARTIFACTS: Artifacts }
//
// A test holds all but ArtifactsHandle to what the installed wrangler prints. Times are ISO 8601, in UTC.

export interface ArtifactsRepoInfo {
  id: string;
  name: string;
  description: string | null;
  defaultBranch: string;
  createdAt: string;
  updatedAt: string;
  /** Null before the first push. */
  lastPushAt: string | null;
  /** `artifacts:<namespace>/<repo>` of a fork, `git:<url>` of an import. */
  source: string | null;
  readOnly: boolean;
  /** What Git clients clone; without credentials. */
  remote: string;
}

export interface ArtifactsCreateRepoResult {
  id: string;
  name: string;
  description: string | null;
  defaultBranch: string;
  remote: string;
  /** A write token for a day. It is nowhere else. */
  token: string;
}

export interface ArtifactsRepoListResult {
  repos: Omit<ArtifactsRepoInfo, "remote">[];
  /** Of the namespace, not of this page. */
  total: number;
  /** There while more repos remain. */
  cursor?: string;
}

export interface ArtifactsCreateTokenResult {
  id: string;
  /** It is nowhere else. */
  plaintext: string;
  scope: "read" | "write";
  expiresAt: string;
}

export interface ArtifactsTokenInfo {
  id: string;
  scope: "read" | "write";
  state: "active" | "expired" | "revoked";
  createdAt: string;
  expiresAt: string;
}

export interface ArtifactsTokenListResult {
  /** The newest hundred. */
  tokens: ArtifactsTokenInfo[];
  total: number;
}

export type ArtifactsTreeEntryType = "tree" | "blob" | "symlink" | "gitlink" | "exec";

export interface ArtifactsTreeEntry {
  name: string;
  /** Git's mode in octal, without leading zeros. */
  mode: string;
  hash: string;
  type: ArtifactsTreeEntryType;
}

export interface ArtifactsCommitMetadata {
  hash: string;
  treeHash: string;
  /** Without its last newline. */
  message: string;
  author: {
    name: string;
    email: string;
  };
  committer: {
    name: string;
    email: string;
  };
  parents: string[];
  /** Seconds since 1970, as `committedAt`. */
  authoredAt: number;
  committedAt: number;
}

/** One repo. `read…` answer null for what is not there; every verb throws ArtifactsError. */
export interface ArtifactsRepo extends Disposable {
  /** `ttl` is in seconds, from 60 to 31,536,000; a write token for a day by default. */
  createToken(scope?: "write" | "read", ttl?: number): Promise<ArtifactsCreateTokenResult>;
  listTokens(): Promise<ArtifactsTokenListResult>;
  /** False if there is no such token. */
  revokeToken(tokenOrId: string): Promise<boolean>;
  /** How the repo is now. */
  info(): Promise<ArtifactsRepoInfo>;
  /** The bytes of a blob; MEMORY_LIMIT for more than 31 MiB. */
  readBlob(hash: string): Promise<Blob | null>;
  readTree(hash: string): Promise<ArtifactsTreeEntry[] | null>;
  readCommit(hash: string): Promise<ArtifactsCommitMetadata | null>;
  /** A file at a branch, a tag or a commit, with a type that is safe in browsers; MEMORY_LIMIT as for readBlob. */
  readFile(args: {
    ref: string;
    path: string;
  }): Promise<Blob | null>;
  /** Along first parents from `ref` (HEAD), newest first: `limit` (50, at most 1,000) after the first `offset`. */
  log(opts?: {
    ref?: string;
    limit?: number;
    offset?: number;
  }): Promise<ArtifactsCommitMetadata[]>;
  /** `defaultBranchOnly` is true unless it is said to be false. */
  fork(name: string, opts?: {
    description?: string;
    readOnly?: boolean;
    defaultBranchOnly?: boolean;
  }): Promise<ArtifactsCreateRepoResult>;
}

export type ArtifactsErrorCode =
  | "ALREADY_EXISTS"
  | "NOT_FOUND"
  | "CREATE_IN_PROGRESS"
  | "IMPORT_IN_PROGRESS"
  | "FORK_IN_PROGRESS"
  | "INVALID_INPUT"
  | "INVALID_REPO_NAME"
  | "INVALID_TTL"
  | "INVALID_URL"
  | "REMOTE_AUTH_REQUIRED"
  | "UPSTREAM_UNAVAILABLE"
  | "MEMORY_LIMIT"
  | "INTERNAL_ERROR";

export interface ArtifactsError extends Error {
  readonly name: "ArtifactsError";
  readonly code: ArtifactsErrorCode;
  /** The code's number in REST. */
  readonly numericCode: number;
}

/** One namespace. Every verb throws ArtifactsError. */
export interface Artifacts {
  /** An empty repo, whose default branch is `main` unless it is said to be another. */
  create(name: string, opts?: {
    readOnly?: boolean;
    description?: string;
    setDefaultBranch?: string;
  }): Promise<ArtifactsCreateRepoResult>;
  /** A handle on a repo that is ready. */
  get(name: string): Promise<ArtifactsRepo>;
  /** Begins a copy of a repo elsewhere, over https; `get` throws IMPORT_IN_PROGRESS until it is there. */
  import(params: {
    source: {
      url: string;
      branch?: string;
      depth?: number;
    };
    target: {
      name: string;
      opts?: {
        description?: string;
        readOnly?: boolean;
      };
    };
  }): Promise<ArtifactsCreateRepoResult>;
  /** The newest first: `limit` (50, at most 200) after the page that `cursor` came with. */
  list(opts?: {
    limit?: number;
    cursor?: string;
  }): Promise<ArtifactsRepoListResult>;
  /** False if there never was such a repo. */
  delete(name: string): Promise<boolean>;
}

/** What `get` answers here: the verbs, and the metadata as properties, as the first bindings had them. */
export type ArtifactsHandle = ArtifactsRepo & ArtifactsRepoInfo;
