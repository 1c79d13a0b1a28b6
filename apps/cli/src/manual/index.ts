export { programOf } from '../program.js';
export { markdownOf } from './markdown.js';
