import { FakeIdentity } from './fake-identity.js';
import { runIdentitySuite } from './identity.suite.js';

const red = { user: 'rosa', password: 'right', roles: { red: ['member'], pink: ['reader'] } };
const blue = { user: 'bea', password: 'other', roles: { blue: ['member'] } };

runIdentitySuite('fake', async () => {
  const identity = new FakeIdentity(() => null, [red, blue]);
  const login = await identity.login({ method: 'password', user: 'rosa', domain: 'Default', password: 'right' });
  return {
    identity,
    token: login?.token ?? '',
    person: { ...red, domain: 'Default', project: 'red', noProjectOfTheirs: 'blue' },
    close: () => Promise.resolve(),
  };
});
