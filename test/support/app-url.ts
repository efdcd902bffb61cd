/** The role `wagate_app` belongs to the whole cluster, which all suites of a run share: one password serves them all. */
const APP_PASSWORD = 'wagate_app_password_of_the_tests';

/** The url by which the app logs in to the database of an owner's url. */
export function appUrlOf(ownerUrl: string): string {
  const url = new URL(ownerUrl);
  url.username = 'wagate_app';
  url.password = APP_PASSWORD;
  return url.href;
}
