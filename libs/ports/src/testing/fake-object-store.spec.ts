import { FakeObjectStore } from './fake-object-store.js';
import { runObjectStoreSuite } from './object-store.suite.js';

runObjectStoreSuite('fake', async () => new FakeObjectStore());
