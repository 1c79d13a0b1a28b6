import type { EventData } from '@varve/contracts';
import type { InstanceId, LayerSize, LayerUid, ProjectId, SnapshotUid } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { In } from 'typeorm';
import { LayerEntity } from './layer.entity.js';

export interface LayerLocation {
  readonly uid: LayerUid;
  readonly manifestKey: string;
  readonly manifestSha256: string;
}

/**
 * Of a lineage, in layers; an end for a loop, which can't be: a layer comes after the one that it stands on, and stays
 * on it. Looking for loops as the database's own `cycle` does takes the square of the height: ten seconds for 10,000.
 */
const HIGHEST = 1_000_000;

export class LayersRepository {
  constructor(private readonly db: EntityManager) {}

  /** The success list of an instance. */
  async storedUids(instance: InstanceId): Promise<LayerUid[]> {
    const rows = await this.db.find(LayerEntity, { where: { instanceId: instance }, select: { uid: true } });
    return rows.map(({ uid }) => uid).sort();
  }

  async byUid(uids: readonly LayerUid[]): Promise<Map<LayerUid, LayerEntity>> {
    const rows = uids.length > 0 ? await this.db.findBy(LayerEntity, { uid: In([...uids]) }) : [];
    return new Map(rows.map((row) => [row.uid, row]));
  }

  /** What a restore point is made of, lowest layer first; empty when `top` is not known. */
  async lineage(top: LayerUid): Promise<LayerLocation[]> {
    return this.db.query(
      `with recursive lineage (uid, backing_uid, manifest_key, manifest_sha256, height) as (
         select uid, backing_uid, manifest_key, manifest_sha256, 0 from layers where uid = $1
         union all
         select l.uid, l.backing_uid, l.manifest_key, l.manifest_sha256, height + 1
         from layers l join lineage on l.uid = lineage.backing_uid where height < ${HIGHEST}
       )
       select uid, manifest_key as "manifestKey", manifest_sha256 as "manifestSha256"
       from lineage order by height desc`,
      [top],
    );
  }

  /** All that are stored of an instance, with what each stands on and takes. */
  async sizes(instance: InstanceId): Promise<Map<LayerUid, LayerSize & { readonly backingUid: LayerUid | null }>> {
    const rows: { uid: LayerUid; backingUid: LayerUid | null; objectBytes: string; changedBytes: string }[] =
      await this.db.query(
        `select uid, backing_uid as "backingUid", object_bytes as "objectBytes", changed_bytes as "changedBytes"
         from layers where instance_id = $1`,
        [instance],
      );
    return new Map(
      rows.map(({ uid, backingUid, objectBytes, changedBytes }) => [
        uid,
        { uid, backingUid, objectBytes: Number(objectBytes), changedBytes: Number(changedBytes) },
      ]),
    );
  }

  /**
   * Records that a layer is in the store. Known ones stay as they are, and so do those that were discarded since: their
   * object is gone or going.
   *
   * @returns whether the layer is in the store now, as far as we know
   */
  async stored(
    layer: EventData<'snapshot.available'>['layer'],
    instance: InstanceId,
    project: ProjectId,
    at: string,
  ): Promise<boolean> {
    await this.db.query(
      `insert into layers (uid, instance_id, project_id, backing_uid, base_sha256, object_key, manifest_key,
         manifest_sha256, sha256, object_bytes, file_bytes, changed_bytes, virtual_size_bytes, created_at)
       select $1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
       where not exists (select 1 from discarded_layers where uid = $1)
       on conflict (uid) do nothing`,
      [
        layer.uid,
        instance,
        project,
        layer.backingUid,
        layer.baseSha256,
        layer.objectKey,
        layer.manifestKey,
        layer.manifestSha256,
        layer.sha256,
        layer.objectBytes,
        layer.fileBytes,
        layer.changedBytes,
        layer.virtualSizeBytes,
        at,
      ],
    );
    return this.db.existsBy(LayerEntity, { uid: layer.uid, instanceId: instance });
  }

  /** A restore point whose lineage has this layer in it, beside the one that is about to go. */
  async neededBy(layer: LayerUid, except: SnapshotUid): Promise<SnapshotUid | null> {
    const rows: { uid: SnapshotUid }[] = await this.db.query(
      `with recursive upwards (uid) as (
         select uid from layers where uid = $1
         union
         select above.uid from layers above join upwards on above.backing_uid = upwards.uid
       )
       select p.uid from restore_points p join upwards on p.layer_uid = upwards.uid
       where p.uid <> $2 order by p.created_at desc limit 1`,
      [layer, except],
    );
    return rows[0]?.uid ?? null;
  }

  /**
   * Takes out of the catalog the layers from `top` down that nothing stands on any more: no restore point, no other
   * layer, not the chain on the host and not what an undo would bring back. Their objects are left to be removed.
   *
   * An operation that we gave up on, and whose host has not said yet how it ended, may have put the host's chain on any
   * layer: then all stay.
   *
   * @returns the layers taken out, topmost first
   */
  async discardFrom(top: LayerUid, instance: InstanceId): Promise<LayerUid[]> {
    const rows: { uid: LayerUid }[] = await this.db.query(
      `with recursive lineage (uid, backing_uid) as (
         select uid, backing_uid from layers where uid = $1
         union
         select below.uid, below.backing_uid from layers below join lineage on below.uid = lineage.backing_uid
       ), on_host (uid, backing_uid) as (
         select l.uid, l.backing_uid from layers l where l.uid in (
           select head_layer_uid from instances where id = $2
           union all
           (select o.replaced_layer_uid from operations o
            where o.id = (select id from operations where instance_id = $2 and kind in ('rollback', 'undo')
                and state = 'succeeded' order by epoch desc limit 1)
              and not exists (select 1 from operations k where k.keeps = o.id and k.state = 'succeeded')
              and not exists (select 1 from compute_facts f where f.instance_id = $2 and f.deleted_at is not null)))
         union
         select below.uid, below.backing_uid from layers below join on_host on below.uid = on_host.backing_uid
       )
       select uid from lineage
       where not exists (select 1 from operations where instance_id = $2 and settled_by = 'sweep')
         and uid not in (select uid from on_host)`,
      [top, instance],
    );
    const candidates = new Set(rows.map(({ uid }) => uid));
    const discarded: LayerUid[] = [];
    for (let uid: LayerUid | null = top; uid !== null && candidates.has(uid);) {
      const backing: LayerUid | null | undefined = await this.discardOne(uid);
      if (backing === undefined) break;
      discarded.push(uid);
      uid = backing;
    }
    return discarded;
  }

  /**
   * Layers that only an earlier state of the host's chain kept in the catalog: no restore point, nothing above them,
   * and nothing under way on their instance. Whether the chain still stands on them, {@link discardFrom} knows.
   */
  async unclaimed(limit: number): Promise<{ uid: LayerUid; instanceId: InstanceId }[]> {
    return this.db.query(
      `select l.uid, l.instance_id as "instanceId" from layers l join instances i on i.id = l.instance_id
       where not exists (select 1 from restore_points p where p.layer_uid = l.uid)
         and not exists (select 1 from layers above where above.backing_uid = l.uid)
         and not exists (select 1 from operations o where o.instance_id = l.instance_id
           and (o.state in ('queued', 'running') or o.settled_by = 'sweep'))
         and i.head_layer_uid is distinct from l.uid
       order by l.created_at limit $1`,
      [limit],
    );
  }

  /** @returns what it stood on; `undefined`: something still stands on it */
  private async discardOne(uid: LayerUid): Promise<LayerUid | null | undefined> {
    const [gone]: [{ uid: LayerUid; backing_uid: LayerUid | null; object_key: string; manifest_key: string }[]] =
      await this.db.query(
        `delete from layers l where uid = $1
           and not exists (select 1 from layers above where above.backing_uid = l.uid)
           and not exists (select 1 from restore_points p where p.layer_uid = l.uid)
         returning uid, backing_uid, object_key, manifest_key`,
        [uid],
      );
    const layer = gone[0];
    if (!layer) return undefined;
    await this.db.query(
      `insert into discarded_layers (uid, object_key, manifest_key, discarded_at, next_attempt_at)
       values ($1, $2, $3, now(), now())`,
      [layer.uid, layer.object_key, layer.manifest_key],
    );
    return layer.backing_uid;
  }

  /**
   * Discarded layers whose object has to go now. They are the caller's for five minutes; should it die, somebody else's
   * after that. Removing an object twice does no harm.
   */
  async claimDiscarded(limit: number): Promise<{ uid: LayerUid; objectKey: string; manifestKey: string }[]> {
    const [rows]: [{ uid: LayerUid; objectKey: string; manifestKey: string }[]] = await this.db.query(
      `update discarded_layers set next_attempt_at = now() + interval '5 minutes' where uid in (
         select uid from discarded_layers where removed_at is null and next_attempt_at <= now()
         order by next_attempt_at limit $1 for update skip locked)
       returning uid, object_key as "objectKey", manifest_key as "manifestKey"`,
      [limit],
    );
    return rows;
  }

  async removed(uid: LayerUid): Promise<void> {
    await this.db.query(`update discarded_layers set removed_at = now(), problem = null where uid = $1`, [uid]);
  }

  /** To be tried again, later each time: after 10 s at first, an hour at most. */
  async notRemoved(uid: LayerUid, problem: object): Promise<void> {
    await this.db.query(
      `update discarded_layers set attempts = attempts + 1, problem = $2,
         next_attempt_at = now() + least(interval '10 seconds' * (2 ^ least(attempts, 10)), interval '1 hour')
       where uid = $1`,
      [uid, problem],
    );
  }
}
