export { openCloud, Cloud, type BootOptions, type CloudService } from './cloud.ts';
export { readCloudFile, type CloudFile, type Login, type Logins } from './cloud-file.ts';
export { virsh } from './libvirt.ts';
export { ProvingServer } from './proving-server.ts';
export * from './servers.ts';
export { ApiError, Session, type Answer, type RequestOptions, type ServiceType } from './session.ts';
