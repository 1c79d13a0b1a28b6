import { runComputeSuite } from '@varve/ports/testing';
import { makeRealHost } from '../../hypervisor/testing/real-host.js';

runComputeSuite('standalone', () => makeRealHost());
