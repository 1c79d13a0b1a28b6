import { runDiskFilesSuite } from '@varve/ports/testing';
import { makeRealHost } from '../../hypervisor/testing/real-host.js';

runDiskFilesSuite('qemu-img', () => makeRealHost());
