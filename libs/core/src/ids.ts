/** Branded identifiers: a string that was checked once, at the door, and can't be mistaken for another kind. */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** The machine. Nova's server uuid, libvirt's domain uuid. */
export type InstanceId = Branded<'InstanceId'>;
/** The owner. A Keystone project id, or a name in static mode. */
export type ProjectId = Branded<'ProjectId'>;
/** What the catalog and the store call a layer. One uid is uploaded at most once, by one procedure. */
export type LayerUid = Branded<'LayerUid'>;
/** A layer *file* on a host. Never used twice; not known outside the host. */
export type FileId = Branded<'FileId'>;
/** One accepted request. Also names its job and its journal. */
export type OperationId = Branded<'OperationId'>;
/** A restore point, as users see it. */
export type SnapshotUid = Branded<'SnapshotUid'>;
/** An image of the cloud's image service. */
export type ImageId = Branded<'ImageId'>;
/** A hypervisor host; also the routing key of its jobs. */
export type HostName = Branded<'HostName'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PROJECT = /^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/;
const HOST = /^[0-9A-Za-z][0-9A-Za-z._-]{0,254}$/;

/** Lower case, with dashes: the only spelling that becomes part of a path or an object key. */
export const isUuid = (text: string): boolean => UUID.test(text);
/** Safe as one segment of an object key. */
export const isProjectId = (text: string): text is ProjectId => PROJECT.test(text);
/** Safe as a routing key and as part of a queue's name. */
export const isHostName = (text: string): text is HostName => HOST.test(text);
