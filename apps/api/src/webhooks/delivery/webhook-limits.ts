import { Injectable } from '@nestjs/common';

/** What one process does for webhooks at the same time. */
@Injectable()
export class WebhookLimits {
  /** Webhooks it delivers to; more wait for the next look. */
  lanes = 500;
  /** Of these, the most of one tenant: those of a few tenants do not take every lane. */
  lanesPerTenant = 100;
  /** Posts to one receiver that are under way. */
  postsPerWebhook = 8;
  /** Posts to all receivers of one tenant that are under way, from which on each has an equal part of them at most. */
  postsPerTenant = 128;
  /** Never is that part less: what hangs of a tenant stops none of its others. */
  surePostsPerWebhook = 2;
  /** Tests of one tenant's webhooks that wait for an answer. */
  testsPerTenant = 8;
}
