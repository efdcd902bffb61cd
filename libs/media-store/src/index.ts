export {
  MediaStore,
  MediaStoreError,
  type ByteRange,
  type ListedMedia,
  type ListOptions,
  type MediaContent,
  type MediaFacts,
  type MediaStoreErrorCode,
  type PutOptions,
  type StoredMedia,
} from './media-store.js';
export { S3MediaStore, type S3MediaStoreOptions } from './s3/s3-media-store.js';
