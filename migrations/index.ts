import { Catalog1795000000000 } from './1795000000000-catalog.js';
import { ComputeFacts1795200000000 } from './1795200000000-compute-facts.js';
import { Settle1795300000000 } from './1795300000000-settle.js';
import { Export1795500000000 } from './1795500000000-export.js';
import { AuditTimes1795600000000 } from './1795600000000-audit-times.js';
import { Repair1795700000000 } from './1795700000000-repair.js';
import { HostFacts1796000000000 } from './1796000000000-host-facts.js';
import { InstanceSummaries1796100000000 } from './1796100000000-instance-summaries.js';
import { Reads1796200000000 } from './1796200000000-reads.js';
import { Timeline1796300000000 } from './1796300000000-timeline.js';
import { StorageOverTime1796400000000 } from './1796400000000-storage-over-time.js';

/** Oldest first. Listed by hand: a folder can't be read from inside a bundle. `index.spec.ts` compares both. */
export const migrations = [
  Catalog1795000000000,
  ComputeFacts1795200000000,
  Settle1795300000000,
  Export1795500000000,
  AuditTimes1795600000000,
  Repair1795700000000,
  HostFacts1796000000000,
  InstanceSummaries1796100000000,
  Reads1796200000000,
  Timeline1796300000000,
  StorageOverTime1796400000000,
];
