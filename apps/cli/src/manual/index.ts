export { programOf } from '../program.js';
export { markdownOf } from './markdown.js';
export { manPageOf } from './man-page.js';
