import { API_PREFIX, type ApiReply } from './request.js';

/** Tells where what a request created is: `Location: /api/v1/things/thg_…`. @param path below the API's prefix */
export function setLocation(reply: ApiReply, path: string): void {
  void reply.header('Location', `${API_PREFIX}/${path}`);
}
