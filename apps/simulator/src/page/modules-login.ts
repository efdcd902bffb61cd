import { Model } from './model.js';
import { DEVICE_PLATFORM, base64ToBytes, bytesToBase64 } from './login-keys.js';
import type { PageSession } from './session.js';
import { cmd, conn, socket, stream } from './socket.js';

/** Modules of the login: socket, QR, pairing code, the account's own address, settings. */
export function loginModules(page: PageSession): Record<string, object> {
  const { people } = page.store;
  const mePn = () => (people.isLoggedIn ? people.phoneWid(people.me) : undefined);
  const meLid = () => (people.isLoggedIn ? people.lidWid(people.me) : undefined);
  const refreshQr = () => page.connection.request<void>({ name: 'refreshQr' });
  Object.assign(cmd, { refreshQR: refreshQr });
  return {
    WAWebSocketModel: { Socket: socket },
    WAWebStreamModel: { Stream: stream },
    WAWebConnModel: { Conn: conn },
    WAWebCmd: { Cmd: cmd },
    WAWebOfflineHandler: {
      OfflineMessageHandler: { getOfflineDeliveryProgress: () => (socket.hasSynced ? 100 : 0) },
    },
    WAWebLaunchSocketUtils: { refreshQR: refreshQr },
    ...linkingModules(page),
    WAWebUserPrefsMeUser: {
      getMaybeMePnUser: mePn,
      getMaybeMeLidUser: meLid,
      getMePnUserOrThrow: mePn,
      getMeLidUserOrThrow: meLid,
    },
    WAWebMiscBrowserUtils: { info: () => ({ os: 'Linux', name: 'Chrome', version: '1' }) },
    WAWebPresenceChatAction: {
      sendPresenceAvailable: () => stream.markAvailable(),
      sendPresenceUnavailable: () => stream.markUnavailable(),
    },
    WAWebSetPushnameConnAction: {
      setPushname: (pushname: string) => Promise.resolve(void conn.set({ pushname })),
    },
    ...settingsModules(),
  };
}

/** What a QR or a pairing code is made of. */
function linkingModules(page: PageSession): Record<string, object> {
  return {
    WAWebAltDeviceLinkingApi: {
      setPairingType: () => undefined,
      initializeAltDeviceLinking: () => Promise.resolve(),
      initializeQRLinking: () => Promise.resolve(),
      startAltLinkingFlow: (phone: string) => page.connection.request<string>({ name: 'pairingCode', phone }),
    },
    WABase64: { encodeB64: bytesToBase64, decodeB64: base64ToBytes },
    WAWebCompanionRegClientUtils: { DEVICE_PLATFORM },
    WAWebAdvSignatureApi: {},
    WAWebUserPrefsInfoStore: {
      waNoiseInfo: {
        get: () => Promise.resolve({ staticKeyPair: { pubKey: base64ToBytes(page.keys.staticKey) } }),
      },
    },
    WAWebSignalStoreApi: {
      waSignalStore: {
        getRegistrationInfo: () =>
          Promise.resolve({ identityKeyPair: { pubKey: base64ToBytes(page.keys.identityKey) } }),
      },
    },
    WAWebUserPrefsMultiDevice: { getADVSecretKey: () => page.keys.advSecret },
  };
}

function settingsModules(): Record<string, object> {
  const settings = new Model({
    audio: true,
    documents: true,
    photos: true,
    videos: true,
    offline: true,
  }) as Model & Record<'audio' | 'documents' | 'photos' | 'videos' | 'offline', boolean>;
  return {
    WAWebUserPrefsGeneral: {
      getAutoDownloadAudio: () => settings.audio,
      setAutoDownloadAudio: (flag: boolean) => Promise.resolve(void (settings.audio = flag)),
      getAutoDownloadDocuments: () => settings.documents,
      setAutoDownloadDocuments: (flag: boolean) => Promise.resolve(void (settings.documents = flag)),
      getAutoDownloadPhotos: () => settings.photos,
      setAutoDownloadPhotos: (flag: boolean) => Promise.resolve(void (settings.photos = flag)),
      getAutoDownloadVideos: () => settings.videos,
      setAutoDownloadVideos: (flag: boolean) => Promise.resolve(void (settings.videos = flag)),
    },
    WAWebUserPrefsNotifications: {
      getGlobalOfflineNotifications: () => settings.offline,
      setGlobalOfflineNotifications: (flag: boolean) => Promise.resolve(void (settings.offline = flag)),
    },
  };
}
