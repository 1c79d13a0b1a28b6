export * from './fake-object-store.js';
export * from './layer-store.suite.js';
export * from './object-store.suite.js';
export * from './watched-object-store.js';
