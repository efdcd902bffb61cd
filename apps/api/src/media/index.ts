export { MediaDownload } from './media-download.js';
export { MediaIntake } from './media-intake.js';
export { MediaJobWorker } from './media-job-worker.js';
export { kindOfMimeType, MEDIA_KINDS, type MediaKind } from './media-kind.js';
export { MediaRedownload } from './media-redownload.js';
export { MediaRepository } from './media-repository.js';
export { MediaModule } from './media.module.js';
export { announcedBytes, readForm, type FormFile } from './multipart-form.js';
export { mediaContentPath, type MediaRecord, type StoredMedia } from './stored-media.js';
