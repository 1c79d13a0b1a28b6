export * from './http/requests.schema.js';
export * from './http/views.schema.js';
export * from './ids.schema.js';
export * from './messages/host-facts.schema.js';
export * from './messages/events.schema.js';
export * from './messages/jobs.schema.js';
export * from './rights.js';
export * from './routing.js';
