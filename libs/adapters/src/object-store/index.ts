export * from './config.js';
export * from './create-object-store.js';
export * from './environment.js';
export { FilesystemObjectStore } from './filesystem/filesystem-object-store.js';
export * from './object-store.module.js';
export { S3ObjectStore } from './s3/s3-object-store.js';
export * from './with-retries.js';
