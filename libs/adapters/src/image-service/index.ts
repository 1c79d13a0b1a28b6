export * from './create-image-service.js';
export { GlanceImages } from './glance/glance-images.js';
export { NoImages } from './none/no-images.js';
