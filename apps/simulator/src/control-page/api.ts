export interface Account {
  phone: string;
  name: string;
  persona: string;
}

export interface Group {
  id: string;
  subject: string;
  members: string[];
}

export interface Logins {
  waiting: { qr: string; svg: string; expiresAt: number; pairingCode?: string; pairingPhone?: string }[];
  linked: { loginId: string; phone: string; name: string; connected: boolean; queued: number }[];
}

export interface MessageView {
  id: string;
  from: string;
  to: string;
  type: string;
  body?: string;
  caption?: string;
  media?: { size: number; mimeType: string; filename?: string };
  timestamp: number;
  order: number;
  ack?: number;
  handOvers?: number;
}

/** @throws Error with what the simulator says is wrong */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const value = (await response.json()) as T & { error?: string; field?: string };
  if (response.ok) return value;
  const field = value.field === undefined ? '' : `${value.field}: `;
  throw new Error(field + (value.error ?? `status ${response.status}`));
}
