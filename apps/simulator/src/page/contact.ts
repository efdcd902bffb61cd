import { Collection } from './collection.js';
import { type Attributes, Model } from './model.js';
import type { People } from './people.js';
import type { WirePerson } from '../wire.js';
import { type Wid, createWid } from './wid.js';

export class Contact extends Model {
  declare id: Wid;
  declare name: string | undefined;
  declare pushname: string | undefined;
  declare formattedName: string;
  declare phoneNumber: Wid | undefined;
  declare isContactBlocked: boolean;
  declare commonGroups: Collection<Model & { id: unknown }> | undefined;

  constructor(attributes: Attributes) {
    super({
      type: 'in',
      isBusiness: false,
      isEnterprise: false,
      isContactBlocked: false,
      labels: [],
      ...attributes,
    });
  }

  get isGroup(): boolean {
    return this.id.isGroup();
  }
}

/** `WAWebCollections.Contact` */
export class ContactCollection extends Collection<Contact> {
  constructor(private readonly people: People) {
    super(Contact);
  }

  /** Finds, or makes one that knows nothing but its id. */
  override find(id: unknown): Promise<Contact> {
    return Promise.resolve(this.gadd(id));
  }

  gadd(id: unknown): Contact {
    const known = this.get(id);
    if (known !== undefined) return known;
    const wid = createWid(id);
    const person = this.people.byWid(wid);
    if (person !== undefined) return this.learn(person);
    return this.add(new Contact({ id: wid, formattedName: wid.user }));
  }

  learn(person: WirePerson): Contact {
    const id = this.people.addressOf(person);
    const attributes = {
      pushname: person.name,
      shortName: person.name,
      formattedName: person.name,
      phoneNumber: this.people.phoneWid(person),
    };
    const known = this.get(id);
    if (known !== undefined) return known.set(attributes);
    return this.add(new Contact({ id, name: person.name, ...attributes }));
  }
}
