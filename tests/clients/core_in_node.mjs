// The core of the adapters in Node: one verb of the namespace at `base`, asked for as JSON in the first argument.

const { core, verb, args, ...place } = JSON.parse(process.argv[2]);
const { artifacts } = await import(core);
const binding = artifacts({ fetch, account: "local", namespace: "default", ...place });
try {
  console.log(JSON.stringify({ value: await binding[verb](...args) }));
} catch (error) {
  const { name, code, numericCode, message } = error;
  console.log(JSON.stringify({ error: { name, code, numericCode, message } }));
}
