// The forms of --output beside tables and JSON: YAML, CSV of lists, and an inventory for Ansible.
import type { JsonValue } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import type { Form } from './form-names.ts';

/** The JSON mapping of a message as YAML, CSV or an inventory. */
export function formText(form: Exclude<Form, 'table'>, value: JsonValue): string {
  if (form === 'yaml') return stringify(value);
  if (form === 'csv') return csvText(itemsOf(value));
  const isInventory = form === 'ansible';
  return `${JSON.stringify(isInventory ? inventory(itemsOf(value)) : value, undefined, 2)}\n`;
}

type Item = Readonly<Record<string, JsonValue>>;

function isItem(value: JsonValue | undefined): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list's answer has one field with the items. */
function itemsOf(value: JsonValue): readonly Item[] {
  const parts = isItem(value) ? Object.values(value) : [value];
  return (parts.find((part) => Array.isArray(part)) ?? []).filter(isItem);
}

/** RFC 4180, with a header; the fields of what is inside an item have dots: `counts.total`. */
function csvText(items: readonly Item[]): string {
  const rows = items.map((item) => flat(item, ''));
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  if (columns.length === 0) return '';
  const lines = [columns, ...rows.map((row) => columns.map((column) => row.get(column) ?? ''))];
  return lines.map((line) => `${line.map(quoted).join(',')}\r\n`).join('');
}

function flat(item: Item, prefix: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(item)) {
    if (isItem(value)) for (const each of flat(value, `${prefix}${name}.`)) fields.set(...each);
    else fields.set(prefix + name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return fields;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hosts by site and by architecture, as `ansible-inventory --list` has them. */
function inventory(nodes: readonly Item[]): JsonValue {
  const groups: Record<string, { hosts: string[] }> = {};
  const hostvars: Record<string, JsonValue> = {};
  for (const { name, nodeId, siteId, health, inventory: what, overlayAddress } of nodes) {
    const architecture = isItem(what) ? String(what['architecture']) : '';
    // Two nodes may have one name; an id is one node's.
    const host = String(name) in hostvars ? String(nodeId) : String(name);
    const address = typeof overlayAddress === 'string' ? overlayAddress : '';
    hostvars[host] = {
      ...(address === '' ? {} : { ansible_host: address }),
      punnet_node_id: String(nodeId),
      punnet_site: String(siteId),
      punnet_architecture: architecture,
      punnet_health: String(health).replace('NODE_HEALTH_', '').toLowerCase(),
    };
    for (const group of [`site_${String(siteId)}`, `architecture_${architecture}`]) {
      // Ansible takes letters, digits and "_" in the name of a group.
      (groups[group.replaceAll(/\W/g, '_')] ??= { hosts: [] }).hosts.push(host);
    }
  }
  return { _meta: { hostvars }, all: { children: Object.keys(groups).sort() }, ...groups };
}
