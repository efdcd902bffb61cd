export { parsePhone, phoneSchema, type ParsedPhone } from './phone-number.js';
