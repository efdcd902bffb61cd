import type { WireGroup } from '../wire.js';
import type { PageSession } from './session.js';
import { createWid } from './wid.js';

/** Modules of groups. */
export function groupModules(page: PageSession): Record<string, object> {
  return {
    WAWebGroupQueryJob: {
      queryAndUpdateGroupMetadataById: async ({ id }: { id: unknown }) => {
        const group = await page.connection.request<WireGroup | undefined>({
          name: 'group',
          id: createWid(id)._serialized,
        });
        if (group !== undefined) page.store.showGroup(group);
      },
    },
  };
}
