// `npm run demo`: the whole product on a real Linux guest, told as a story. Exit code 0 only when every verification held.
//
//   npm run demo             about three minutes
//   npm run demo -- --stay   keeps everything running afterwards, to be tried by hand
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster, TOKENS } from '../cluster.ts';
import { ProvingGuest } from '../guest/guest.ts';
import { startServices, type Services } from '../services/services.ts';
import { until } from '../services/until.ts';
import { Story } from './story.ts';
import { Tenant, type Point } from './tenant.ts';
import { Visitors } from './visitors.ts';

const STAY = process.argv.includes('--stay');
const PICTURES = process.argv.includes('--pictures') ? (process.argv.at(-1) ?? '') : null;
/** Enough to see that it matters, little enough for a guest without KVM to read it all a few times. */
const AREA_BLOCKS = 16_384;
const WRITES_PER_SECOND = 300;
const STAY_WRITES_PER_SECOND = 50;
const GUEST_NAME = 'web-1';

const story = new Story();
const root = mkdtempSync('/var/tmp/varve-demo-');
chmodSync(root, 0o755);
let services: Services | null = null;
let cluster: Cluster | null = null;
let guest: ProvingGuest | null = null;
/** Set once everything is being stopped. */
const ending: Promise<never>[] = [];

process.once('SIGINT', () => void end(130));
process.once('SIGTERM', () => void end(143));

try {
  story.chapter('A small cloud on this machine');
  services = await story.timed('PostgreSQL, RabbitMQ and Swift (as the S3 store), private to this demo', () =>
    startServices({ stateDir: join(root, 'services') }),
  );
  const { postgresUrl, amqpUrl, s3 } = services;
  cluster = await story.timed('the API, the conductor, and the worker of one hypervisor host', () =>
    Cluster.start({
      root,
      postgresUrl,
      amqpUrl,
      store: { kind: 's3', ...s3 },
      workerEnv: { VARVE_UPLOAD_GIVE_UP_S: '2' },
    }),
  );
  guest = await story.timed('a Linux guest under QEMU; each block it writes names its write', async () => {
    const made = await ProvingGuest.create({
      instances: join(root, 'instances'),
      name: GUEST_NAME,
      project: 'demo',
      areaBlocks: AREA_BLOCKS,
    });
    await made.boot();
    return made;
  });
  const tenant = new Tenant(story, cluster, guest);
  await until('the worker has reported the instance', () => tenant.isKnown());

  await tell(tenant, guest, services);

  tenant.printTables();
  if (PICTURES !== null) {
    story.chapter('Pictures');
    // Where nothing else is asked for, no browser is needed.
    const { takePictures } = await import('./pictures.ts');
    await takePictures(story, cluster, guest, PICTURES);
  }
  if (STAY) await stay(cluster, guest);
  await end(story.failed ? 1 : 0);
} catch (error) {
  // What is asked of something that is being stopped fails, as it must.
  await Promise.all(ending);
  story.fault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  await end(1);
}

async function tell(tenant: Tenant, writer: ProvingGuest, { swift }: Services): Promise<void> {
  story.chapter('Three snapshots while the guest writes');
  story.say(`The guest overwrites random blocks, ${WRITES_PER_SECOND} times a second, each flushed to the disk.`);
  await writer.load({ perSecond: WRITES_PER_SECOND });
  const points: Point[] = [];
  for (const name of ['monday', 'tuesday', 'wednesday']) {
    await tenant.letWrite(300);
    points.push(await tenant.snapshot(name));
  }

  story.chapter('The store goes away');
  await swift.stop();
  await tenant.letWrite(300);
  await tenant.snapshotThatFails('thursday');
  story.check(
    'the guest did not notice',
    (await writer.stat()).errors === 0,
    'no write failed, and it goes on writing',
  );
  await story.timed('the store comes back', () => swift.start());
  await tenant.letWrite(300);
  const healed = await tenant.snapshot('friday');
  story.check('the next snapshot took along what the failed one had sealed', healed.healed, `${healed.name} is whole`);

  story.chapter('A snapshot of the stopped instance');
  await writer.stop();
  await writer.powerOff();
  await until('the worker has seen that it is stopped', () => tenant.hasState('stopped'));
  await tenant.snapshot('weekend');
  await writer.boot();
  await until('the worker has seen that it runs', () => tenant.hasState('running'));
  await writer.load({ perSecond: WRITES_PER_SECOND });
  await tenant.letWrite(300);

  const [monday, tuesday] = points as [Point, Point];
  story.chapter('Back to tuesday');
  await tenant.rollback(tuesday);
  await writer.load({ perSecond: WRITES_PER_SECOND });
  await tenant.letWrite(150);

  story.chapter('Further back, to monday');
  const before = await writer.stop();
  const id = await tenant.rollback(monday);

  story.chapter('That was one too far: undo');
  await tenant.undo(id, { acked: before.op, upto: before.op });
  await writer.load({ perSecond: WRITES_PER_SECOND });
  await tenant.letWrite(150);
  await tenant.snapshot('after the undo');
  await writer.stop();
}

async function stay(running: Cluster, writer: ProvingGuest): Promise<never> {
  await writer.load({ perSecond: STAY_WRITES_PER_SECOND });
  const login = `${running.url}/login#token=${TOKENS.admin}`;
  story.chapter('Yours to try');
  story.say('The guest goes on writing. In a browser on this machine:');
  story.say('');
  story.say(`  ${login}`);
  story.say('');
  story.say(`Log in, choose ${GUEST_NAME}, take snapshots, roll it back. What the guest finds then is said here.`);
  story.say('Or in another terminal:');
  story.say(`  export VARVE_URL=${running.url} VARVE_TOKEN=${TOKENS.admin}`);
  story.say(`  packaging/bin/varve instance list`);
  story.say('');
  story.say('Ctrl-C ends everything.');
  return new Visitors(story, running, writer, STAY_WRITES_PER_SECOND).accompany();
}

/** Everything that was started ends, once; the folder stays only where something went wrong. */
function end(code: number): Promise<never> {
  const [begun = endAll(code)] = ending;
  ending[0] = begun;
  return begun;
}

async function endAll(code: number): Promise<never> {
  await guest?.dispose();
  await cluster?.close();
  await services?.stop();
  if (code === 1) story.say(`The logs are in ${root}`);
  else rmSync(root, { recursive: true, force: true });
  process.exit(code);
}
