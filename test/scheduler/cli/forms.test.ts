// The forms of --output: what spreadsheets, scripts and Ansible read.
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { formProblem } from '../../../scheduler/cli/form-names.ts';
import { formText } from '../../../scheduler/cli/forms.ts';

const node = (nodeId: string, name: string, architecture = 'armv6l') => ({
  ...{ nodeId, name, siteId: 'old-school', health: 'NODE_HEALTH_HEALTHY' },
  inventory: { architecture },
});
const tunnelled = { ...node('n1', 'pi'), overlayAddress: 'fd00:0:0:1::10' };
const nodes = { nodes: [tunnelled, node('n2', 'pi', 'armv7l')], nextPageToken: '' };

test('YAML says what JSON says', () => {
  expect(parseYaml(formText('yaml', nodes))).toEqual(nodes);
});

test('a list is a table with a header: inner fields have dots, texts their quotes', () => {
  const tasks = {
    tasks: [
      { index: 0, row: { a: 'x,"y"\nz' }, tags: ['p'], note: null },
      { index: 1, row: { b: '' } },
    ],
  };
  expect(parse(formText('csv', tasks))).toEqual([
    ['index', 'row.a', 'tags', 'note', 'row.b'],
    ['0', 'x,"y"\nz', '["p"]', 'null', ''],
    ['1', '', '', '', ''],
  ]);
  expect(formText('csv', { tasks: [], nextPageToken: '' })).toBe('');
});

test('an inventory has each node by its site and by its architecture', () => {
  expect(JSON.parse(formText('ansible', nodes))).toEqual({
    _meta: {
      hostvars: {
        pi: {
          ansible_host: 'fd00:0:0:1::10',
          ...{ punnet_node_id: 'n1', punnet_site: 'old-school' },
          ...{ punnet_architecture: 'armv6l', punnet_health: 'healthy' },
        },
        n2: {
          ...{ punnet_node_id: 'n2', punnet_site: 'old-school' },
          ...{ punnet_architecture: 'armv7l', punnet_health: 'healthy' },
        },
      },
    },
    all: { children: ['architecture_armv6l', 'architecture_armv7l', 'site_old_school'] },
    site_old_school: { hosts: ['pi', 'n2'] },
    architecture_armv6l: { hosts: ['pi'] },
    architecture_armv7l: { hosts: ['n2'] },
  });
});

test('a form that a command has no use for is refused', () => {
  expect(formProblem('csv', 'cancel')).toMatch(/^--output csv: wanted a command that lists/);
  expect(formProblem('csv', 'token list')).toBe(null);
  expect(formProblem('ansible', 'jobs')).toMatch(/^--output ansible: wanted "punnet nodes"/);
  expect([formProblem('csv', 'tasks'), formProblem('ansible', 'nodes')]).toEqual([null, null]);
  expect([formProblem('yaml', 'cancel'), formProblem('json', 'cancel')]).toEqual([null, null]);
});
