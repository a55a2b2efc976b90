// Two OpenID providers for tests, on the ports of the arguments. A page that would ask a person takes his answer from
// `login_hint`: `deny`, or `subject|address|1 if it is verified|username|name`.

import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const people = new Map();

function configuration(callbacks) {
  return {
    clients: [
      { client_id: 'parley', client_secret: 'a secret: of 100% & more', redirect_uris: callbacks },
      {
        client_id: 'parley-post',
        client_secret: 'another-secret',
        redirect_uris: callbacks,
        token_endpoint_auth_method: 'client_secret_post',
      },
      { client_id: 'parley-public', redirect_uris: callbacks, token_endpoint_auth_method: 'none' },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
    conformIdTokenClaims: process.env.USERINFO === 'only',
    cookies: { keys: ['of these tests'] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, subject) => ({ accountId: subject, claims: () => people.get(subject) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
  };
}

async function interact(provider, request, response) {
  const { params, prompt } = await provider.interactionDetails(request, response);
  if (params.login_hint === 'deny') {
    const refusal = { error: 'access_denied', error_description: 'the person said no' };
    return provider.interactionFinished(request, response, refusal);
  }
  const [sub, email, verified, username, name] = params.login_hint.split('|');
  people.set(sub, {
    sub,
    ...(email && { email, email_verified: verified === '1' }),
    ...(username && { preferred_username: username }),
    ...(name && { name }),
  });
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: sub, remember: false } });
  }
  const grant = new provider.Grant({ accountId: sub, clientId: params.client_id });
  grant.addOIDCScope('openid email profile');
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const [callbacks, ...ports] = process.argv.slice(2);
for (const port of ports) {
  const provider = new Provider(`http://127.0.0.1:${port}`, configuration(callbacks.split(',')));
  const answer = provider.callback();
  const server = createServer((request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response);
    return interact(provider, request, response).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise((listening) => server.listen(Number(port), '127.0.0.1', listening));
}
console.log('ready');
