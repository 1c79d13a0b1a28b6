// How long the API takes to answer what pages ask, against a catalog of `seed-catalog.ts`.
export interface ReadTime {
  readonly read: string;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly bytes: number;
}

const SORTS = ['id', 'name', 'host', 'lastRestorePointAt', 'storedBytes', 'virtualSizeBytes'];

const readsOf = (instanceId: string, now: number): string[] => [
  '/v1/overview',
  '/v1/overview/storage',
  ...SORTS.flatMap((sort) => ['asc', 'desc'].map((order) => `/v1/instances?sort=${sort}&order=${order}`)),
  '/v1/instances?search=web-04&sort=name',
  '/v1/instances?protection=failing&sort=lastRestorePointAt',
  `/v1/instances/${instanceId}`,
  `/v1/instances/${instanceId}/timeline`,
  `/v1/instances/${instanceId}/timeline?from=${new Date(now - 3 * 86_400_000).toISOString()}`,
  `/v1/instances/${instanceId}/restore-points?limit=50`,
  `/v1/instances/${instanceId}/snapshot-estimate`,
  `/v1/instances/${instanceId}/rollback-plan?at=${new Date(now - 86_400_000).toISOString()}`,
  `/v1/instances/${instanceId}/chain`,
  `/v1/instances/${instanceId}/rollbacks?limit=20`,
  '/v1/operations?limit=50',
  '/v1/operations?active=true',
  '/v1/operations?state=failed&limit=50',
  '/v1/operations?kind=rollback&limit=50',
  '/v1/operations?host=compute-002&limit=50',
  '/v1/hosts',
  '/v1/audit?limit=50',
  '/v1/audit?outcome=denied&limit=50',
];

/** One after the other, so that each has the machine to itself. The first answer of each is not counted. */
export async function measureReads(
  url: string,
  token: string,
  instanceId: string,
  { rounds = 20, now = Date.now() } = {},
): Promise<ReadTime[]> {
  const times: ReadTime[] = [];
  for (const read of readsOf(instanceId, now)) {
    const taken: number[] = [];
    let bytes = 0;
    for (let round = 0; round <= rounds; round++) {
      const began = performance.now();
      const response = await fetch(url + read, { headers: { 'x-auth-token': token } });
      const text = await response.text();
      if (!response.ok) throw new Error(`${read}: ${response.status} ${text}`);
      bytes = text.length;
      if (round > 0) taken.push(performance.now() - began);
    }
    taken.sort((a, b) => a - b);
    const at = (part: number): number => Math.round((taken[Math.ceil(part * taken.length) - 1] ?? NaN) * 10) / 10;
    times.push({ read: read.replaceAll(instanceId, '{id}'), p50: at(0.5), p95: at(0.95), bytes });
  }
  return times;
}
