// copy-up - one client makes a large lower file be copied up while another works on small files: what happens to the
// latency of the second one? Its work is an absent name, a small file read, and a file made and removed.
import { join } from 'node:path'
import { client } from '../client.js'
import { makeTree } from '../materials.js'
import type { Question } from '../question.js'

const kShape = { dirs: 10, files: 200 }
const kMakeTimeoutMs = 300_000

export const copyUp: Question = {
  id: 'copy-up',
  group: 'data',
  title: 'a second client during a copy-up',
  weight: 7,
  rows: ({ copyUpMiB }) => [
    { id: 'time', label: `copy-up of ${copyUpMiB} MiB`, unit: 'time' },
    { id: 'idle-p50', label: 'second client, idle, p50', unit: 'time' },
    { id: 'idle-p99', label: 'second client, idle, p99', unit: 'time' },
    { id: 'busy-p50', label: 'second client, during copy-up, p50', unit: 'time' },
    { id: 'busy-p99', label: 'second client, during copy-up, p99', unit: 'time' },
    { id: 'busy-max', label: 'second client, during copy-up, worst', unit: 'time' },
    { id: 'p99-ratio', label: 'p99 during copy-up / idle p99', unit: 'factor' },
  ],
  notFor: ({ kind }) =>
    kind === 'plain' ? 'a plain directory copies nothing up' : kind === 'other' ? 'it does not copy up' : undefined,
  prepare({ sizes, materials }) {
    const lower = materials.make('copy-up', 'question', (dir) => {
      makeTree(join(dir, 'small'), { ...kShape, bytes: 2048 })
      client('make-file', [join(dir, 'big')], { bytes: sizes.copyUpMiB * 1024 * 1024 }, kMakeTimeoutMs)
    })
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      const options = { ...kShape, 'big': join(path, 'big'), 'idle-ms': sizes.idleMs }
      const report = run.client('copy-up-latency', [join(path, 'small')], options)
      run.record('time', report.get('copyup'))
      run.record('idle-p50', report.get('idle50'))
      run.record('idle-p99', report.get('idle99'))
      run.record('busy-p50', report.get('busy50'))
      run.record('busy-p99', report.get('busy99'))
      run.record('busy-max', report.get('busymax'))
      run.record('p99-ratio', report.get('busy99') / report.get('idle99'))
    }
  },
}
