/** Accounts, groups, logins, messages and media of our WhatsApp. */
export class Network {}
