import { runHypervisorSuite } from '@varve/ports/testing';
import { makeRealHost } from '../testing/real-host.js';

runHypervisorSuite('qmp', () => makeRealHost(), ['drive', 'blockdev', 'chain']);
