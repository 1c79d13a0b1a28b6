export * from './object-store/index.js';
