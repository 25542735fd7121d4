// @ts-check
// The map's data: columns of instances, and the short lists of zones, fleets, volumes and what waits.

export const BUSY = 0, IDLE = 1, STARTING = 2, LEAVING = 3, LOST = 4;
export const STATES = ["busy", "idle", "starting", "leaving", "lost or silent"];

/** @typedef {import("./wire.js").MapZone} MapZone */
/** @typedef {import("./wire.js").MapFleet & {gone?: boolean}} MapFleet a fleet; `gone` once it was deleted */

export class Store {
  constructor() {
    this.seq = 0;
    /** @type {MapZone[]} */ this.zones = [];
    /** @type {Map<string, number>} */ this.zoneAt = new Map();
    /** @type {MapFleet[]} */ this.fleets = [];
    /** @type {Map<string, number>} */ this.fleetAt = new Map();
    /** @type {import("./wire.js").MapVolume[]} */ this.volumes = [];
    /** @type {import("./wire.js").MapWaiting[]} */ this.waiting = [];
    /** @type {string[]} */ this.id = [];
    /** @type {number[]} */ this.zone = [];
    /** @type {number[]} */ this.fleet = [];
    /** @type {number[]} */ this.node = [];
    /** @type {number[]} */ this.state = [];
    /** @type {string[]} */ this.run = [];
    /** @type {string[]} */ this.type = [];
    /** @type {number[]} */ this.price = [];
    /** @type {Map<string, number>} */ this.at = new Map();
    /** @type {Set<string>} */ this.lost = new Set();
    /** @type {number[][]} */ this.members = [];
    /** @type {Set<number>} */ this.touched = new Set();
  }

  /** The whole map. @param {import("./wire.js").ZoneMap} map */
  load(map) {
    this.id = []; this.zone = []; this.fleet = []; this.node = []; this.state = []; this.run = []; this.type = []; this.price = [];
    this.at.clear(); this.members = []; this.zones = []; this.zoneAt.clear(); this.fleets = []; this.fleetAt.clear();
    this.seq = map.seq;
    this._zones(map.zones);
    this._fleets(map.fleets);
    this.volumes = map.volumes;
    this.waiting = map.waiting;
    this.lost = new Set(map.lost);
    this._instances(map.instances);
    for (let z = 0; z < this.zones.length; z++) this._order(z);
    this.touched.clear();
  }

  /** Takes in what changed; returns the zones whose instances differ, and whether zones or volumes do. @param {import("./wire.js").MapChange} change */
  apply(change) {
    this.seq = change.seq;
    const before = this.zones.length, zones = change.zones ? this._zones(change.zones) : false;
    if (change.fleets) this._fleets(change.fleets);
    if (change.volumes) this.volumes = change.volumes;
    if (change.waiting) this.waiting = change.waiting;
    this._instances(change.instances);
    for (const id of change.gone) this._remove(id);
    const lost = new Set(change.lost);
    for (const id of [...lost, ...this.lost]) {
      const i = this.at.get(id);
      if (i === undefined) continue;
      if (lost.has(id) && this.state[i] < LEAVING) this._restate(i, LOST);
      else if (!lost.has(id) && this.state[i] === LOST) this._restate(i, this.run[i] ? BUSY : IDLE);
    }
    this.lost = lost;
    const touched = [...this.touched];
    this.touched.clear();
    for (const z of touched) this._order(z);
    return { touched, zones: zones || this.zones.length !== before, volumes: Boolean(change.volumes) };
  }

  get count() { return this.at.size; }

  /** @param {number} z */
  held(z) { return this.members[z] || []; }

  /** How many instances of a fleet are in each zone. @param {number} f @returns {Map<number, number>} */
  spread(f) {
    const counts = new Map();
    for (let z = 0; z < this.zones.length; z++) {
      let k = 0;
      for (const i of this.held(z)) if (this.fleet[i] === f) k++;
      if (k) counts.set(z, k);
    }
    return counts;
  }

  /** Takes in zones; returns whether one of them differs. @param {MapZone[]} zones */
  _zones(zones) {
    let differ = false;
    for (const zone of zones) {
      const z = this.zoneAt.get(zone.key);
      if (z !== undefined && JSON.stringify(this.zones[z]) === JSON.stringify(zone)) continue;
      differ = true;
      if (z === undefined) { this.zoneAt.set(zone.key, this.zones.length); this.zones.push(zone); this.members.push([]); }
      else this.zones[z] = zone;
    }
    return differ;
  }

  /** @param {MapFleet[]} fleets */
  _fleets(fleets) {
    const known = new Set(fleets.map((fleet) => fleet.id));
    for (const fleet of this.fleets) fleet.gone = !known.has(fleet.id);
    for (const fleet of fleets) {
      const f = this.fleetAt.get(fleet.id);
      if (f === undefined) { this.fleetAt.set(fleet.id, this.fleets.length); this.fleets.push(fleet); }
      else this.fleets[f] = fleet;
    }
  }

  /** @param {import("./wire.js").MapInstances} columns */
  _instances(columns) {
    for (let k = 0; k < columns.id.length; k++) {
      const id = columns.id[k], z = this._place(columns.zones[columns.zone[k]]), f = this._fleet(columns.fleets[columns.fleet[k]]);
      let i = this.at.get(id);
      if (i === undefined) { i = this.id.length; this.at.set(id, i); this.id.push(id); this.members[z].push(i); }
      else if (this.zone[i] !== z) { this._drop(i); this.members[z].push(i); }
      this.zone[i] = z; this.fleet[i] = f; this.node[i] = columns.node[k]; this.state[i] = columns.state[k];
      this.run[i] = columns.run[k] < 0 ? "" : columns.runs[columns.run[k]];
      this.type[i] = columns.types[columns.type[k]]; this.price[i] = columns.price[k] ?? Infinity;
      this.touched.add(z);
    }
  }

  /** @param {string} key */
  _place(key) {
    const z = this.zoneAt.get(key);
    if (z !== undefined) return z;
    const [backend, region, ...name] = key.split("/");
    this._zones([{ key, zone: { backend, region, name: name.join("/"), zone_id: null, kind: "availability-zone" }, label: name.join("/") || region, state: "gone", reason: "no longer offered", until: null, faults: false, left_out: [] }]);
    return this.zones.length - 1;
  }

  /** @param {string} id */
  _fleet(id) {
    const f = this.fleetAt.get(id);
    if (f !== undefined) return f;
    this.fleetAt.set(id, this.fleets.length);
    this.fleets.push({ id, name: "deleted fleet", status: "deleted", nodes: 0, strategy: "any", auto_created: true, message: "", gone: true });
    return this.fleets.length - 1;
  }

  /** @param {number} i */
  _drop(i) {
    const z = this.zone[i], held = this.members[z], k = held.indexOf(i);
    if (k >= 0) held.splice(k, 1);
    this.touched.add(z);
  }

  /** @param {string} id */
  _remove(id) {
    const i = this.at.get(id);
    if (i === undefined) return;
    this._drop(i);
    this.at.delete(id);
  }

  /** @param {number} i @param {number} state */
  _restate(i, state) { this.state[i] = state; this.touched.add(this.zone[i]); }

  /** Fleets as bands, in them states, then nodes. @param {number} z */
  _order(z) {
    const { fleet, state, node } = this;
    this.members[z].sort((a, b) => fleet[a] - fleet[b] || state[a] - state[b] || node[a] - node[b]);
  }
}
