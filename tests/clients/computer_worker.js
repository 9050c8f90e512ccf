// The artifacts client of @cloudflare/computer on top of env.ARTIFACTS: one deed, asked for as JSON.

import { createArtifact } from "@cloudflare/computer/artifacts";

export default {
  async fetch(request, env) {
    if (request.method !== "POST") return new Response();
    const { session, verb, args } = await request.json();
    try {
      return Response.json({ value: await createArtifact(env.ARTIFACTS, session)[verb](...args) });
    } catch (error) {
      return Response.json({ error: { name: error.name, code: error.code, message: error.message } });
    }
  },
};
