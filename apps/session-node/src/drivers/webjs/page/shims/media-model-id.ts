import { utils } from '../wa.js';
import type { Shim } from './shim.js';

const FIELD = '__x_id';

/**
 * Media models of current builds carry an enumerable `__x_id`; the library spreads the model over the message, whose
 * own id it then replaces ("Data passed to getter must include an id property"). Hides the field on the media
 * models that the library prepares. Whether it is needed shows at the first media, hence `seen`.
 */
export const mediaModelIdShim: Shim & { seen: boolean } = {
  name: 'media-model-id',
  when: 'late',
  seen: false,
  apply() {
    const helpers = utils();
    const prepare = helpers.processMediaData;
    helpers.processMediaData = async (media, options) => {
      const model = await prepare(media, options);
      if (Object.prototype.propertyIsEnumerable.call(model, FIELD)) {
        this.seen = true;
        Object.defineProperty(model, FIELD, { enumerable: false });
      }
      return model;
    };
    return this.seen;
  },
};
