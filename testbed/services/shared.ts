// For specs of the vitest projects `real` and `e2e`: a fresh database, vhost or bucket on the run's shared services.
//
//   const url = await freshDatabase();      // postgresql://…/t_3f2a…
//   const amqpUrl = await freshVhost();     // amqp://…/t_3f2a…
//   const s3 = await freshBucket();         // spread into `new Client({ ...s3 })`
//
// The first to ask waits for the services to come up (about 5 s). A spec that takes a service away starts its own by
// `startServices`: these belong to everybody.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { inject } from 'vitest';
import type { Rights } from './rabbitmq.ts';
import type { S3Settings } from './swift.ts';
import './vitest-global-setup.ts'; // declares the provided name

export const freshDatabase = (): Promise<string> => make<string>('database', `t_${unique()}`);
export const freshVhost = (): Promise<string> => make<string>('vhost', `t_${unique()}`);
/** The vhost's url with a user that has no more rights than these. */
export const userWith = (vhostUrl: string, rights: Rights): Promise<string> =>
  make<string>('user', encodeURIComponent(JSON.stringify({ vhostUrl, rights })));
export const freshBucket = (): Promise<S3Settings> => make<S3Settings>('bucket', `t-${unique()}`);

const unique = (): string => randomBytes(6).toString('hex');

function make<T>(kind: string, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: inject('varveServices'), method: 'POST', path: `/${kind}/${name}` },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => (text += piece));
        response.on('end', () => {
          const answer = JSON.parse(text) as T;
          if (response.statusCode === 200) resolve(answer);
          else reject(new Error(String(answer)));
        });
      },
    );
    call.on('error', reject);
    call.end();
  });
}
