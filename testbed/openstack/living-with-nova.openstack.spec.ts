// What Nova's users do, to servers as Nova made them and to servers with layers of ours: what comes of it, and that the
// guest's data is right in the end. docs/openstack/living-with-nova.md is the table of this.
import { connect } from 'amqplib';
import { afterAll, beforeAll } from 'vitest';
import { openCloud } from './index.ts';
import { asNovaMadeIt } from './lives/as-nova-made-it.ts';
import type { Ground } from './lives/ground.ts';
import { KEEP_S, lifeAndAfterlife } from './lives/life-and-afterlife.ts';
import { settledServer } from './lives/settled.ts';
import { snapshottedSinceItsStart } from './lives/since-its-start.ts';
import { snapshotsAndRollbacks } from './lives/snapshots-and-rollbacks.ts';
import { withLayers } from './lives/with-layers.ts';
import { startVarve } from './varve.ts';

const QUEUE = `varve.spec.${crypto.randomUUID()}`;
let ground: Ground;

beforeAll(async () => {
  const cloud = await openCloud();
  const varve = await startVarve(cloud, {
    conductorEnv: {
      VARVE_COMPUTE: 'nova',
      VARVE_NOVA_AMQP_URL: cloud.file.amqpUrl,
      VARVE_NOVA_QUEUE: QUEUE,
      VARVE_RECONCILE_INTERVAL_S: '10',
      VARVE_ORPHAN_KEEP_DAYS: String(KEEP_S / 86_400),
    },
  });
  ground = { cloud, varve };
});
afterAll(async () => {
  await ground?.varve.close();
  if (ground) await forgetQueue(ground.cloud.file.amqpUrl);
  await ground?.cloud.close();
});

/** Nova's broker would go on filling it. */
async function forgetQueue(amqpUrl: string): Promise<void> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  await channel.deleteQueue(QUEUE);
  await connection.close();
}

// The longest first.
const now = (): Ground => ground;
withLayers(now);
asNovaMadeIt(now);
lifeAndAfterlife(now);
snapshotsAndRollbacks(now);
settledServer(now);
snapshottedSinceItsStart(now);
