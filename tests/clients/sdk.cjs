// The official TypeScript SDK on one errand, named by the first argument; prints what came of it as JSON.
const { Cloudflare } = require("cloudflare");
const { CursorPagination, SinglePage, V4PagePaginationArray } = require("cloudflare/pagination");

const [errand, asked] = [process.argv[2], JSON.parse(process.argv[3])];
const counted = {};

async function countingFetch(url, init) {
  const answer = await fetch(url, init);
  counted[answer.status] = (counted[answer.status] ?? 0) + 1;
  return answer;
}

const client = new Cloudflare({
  apiToken: asked.token,
  baseURL: asked.baseURL,
  maxRetries: asked.maxRetries ?? 2,
  fetch: countingFetch,
});
const pages = { cursor: CursorPagination, page: V4PagePaginationArray, single: SinglePage };

const errands = {
  async life({ path }) {
    const made = (await client.post(path, { body: { name: "some-repo" } })).result;
    await client.patch(`${path}/some-repo`, { body: { description: "What it is" } });
    const info = (await client.get(`${path}/some-repo`)).result;
    const fork = (await client.post(`${path}/some-repo/fork`, { body: { name: "its-fork" } })).result;
    const gone = (await client.delete(`${path}/some-repo`)).result;
    return { made, info, fork, gone };
  },

  async list({ path, page, query }) {
    const names = [];
    for await (const row of client.getAPIList(path, pages[page], { query })) names.push(row.name);
    return names;
  },

  async account() {
    const ids = [];
    for await (const account of client.accounts.list()) ids.push(account.id);
    return { ids, status: (await client.user.tokens.verify()).status };
  },

  async refused({ path, body, times = 1 }) {
    try {
      for (let time = 0; time < times; time++) await (body ? client.post(path, { body }) : client.get(path));
    } catch (error) {
      return { name: error.constructor.name, status: error.status, code: error.errors[0].code };
    }
    return null;
  },

  async often({ path, times }) {
    for (let time = 0; time < times; time++) await client.get(path);
    return null;
  },
};

errands[errand](asked).then((result) => console.log(JSON.stringify({ result, counted })));
