import { runComputeSuite, runHypervisorSuite } from '@varve/ports/testing';
import { libvirtEngine } from '../testing/libvirt-engine.js';
import { makeRealHost } from '../testing/real-host.js';

runHypervisorSuite('libvirt', () => makeRealHost({ engine: libvirtEngine }), ['libvirt']);
runComputeSuite('libvirt', () => makeRealHost({ engine: libvirtEngine }));
