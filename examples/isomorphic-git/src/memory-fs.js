// As much of a file system as isomorphic-git needs, in memory: a tree of Maps whose leaves are bytes.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class MemoryFS {
  /** By this isomorphic-git knows that the methods answer promises. */
  promises = this;
  #root = new Map();

  async readFile(path, options) {
    const found = this.#find(path);
    if (found instanceof Map) throw failure("EISDIR", path);
    const encoding = typeof options === "string" ? options : options?.encoding;
    return encoding ? decoder.decode(found) : found;
  }

  async writeFile(path, data) {
    const [folder, name] = this.#place(path, { make: true });
    folder.set(name, typeof data === "string" ? encoder.encode(data) : new Uint8Array(data));
  }

  async unlink(path) {
    const [folder, name] = this.#place(path);
    if (!folder.delete(name)) throw failure("ENOENT", path);
  }

  async readdir(path) {
    const found = this.#find(path);
    if (!(found instanceof Map)) throw failure("ENOTDIR", path);
    return [...found.keys()].sort();
  }

  async mkdir(path) {
    const [folder, name] = this.#place(path);
    if (folder.has(name)) throw failure("EEXIST", path);
    folder.set(name, new Map());
  }

  async rmdir(path) {
    if ((await this.readdir(path)).length) throw failure("ENOTEMPTY", path);
    await this.unlink(path);
  }

  async stat(path) {
    const found = this.#find(path);
    const isFolder = found instanceof Map;
    return {
      mode: isFolder ? 0o040000 : 0o100644,
      size: isFolder ? 0 : found.byteLength,
      mtimeMs: 0, // a commit asks for its own time; here nothing is older than the request
      ctimeMs: 0,
      isFile: () => !isFolder,
      isDirectory: () => isFolder,
      isSymbolicLink: () => false,
    };
  }

  lstat(path) {
    return this.stat(path);
  }

  async readlink(path) {
    throw failure("EINVAL", path);
  }

  async symlink(_target, path) {
    throw failure("EPERM", path);
  }

  #find(path) {
    let found = this.#root;
    for (const step of steps(path)) {
      found = found instanceof Map ? found.get(step) : undefined;
      if (found === undefined) throw failure("ENOENT", path);
    }
    return found;
  }

  /** The folder that a path lies in, and its name there. */
  #place(path, { make = false } = {}) {
    const names = steps(path);
    const name = names.pop();
    if (name === undefined) throw failure("EEXIST", path);
    let folder = this.#root;
    for (const step of names) {
      if (make && !folder.has(step)) folder.set(step, new Map());
      folder = folder.get(step);
      if (!(folder instanceof Map)) throw failure(folder ? "ENOTDIR" : "ENOENT", path);
    }
    return [folder, name];
  }
}

function steps(path) {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}

function failure(code, path) {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
