// question - what a file in questions/ provides, and what it gets to work with.
import type { Materials } from './materials.js'
import type { Run } from './run.js'
import type { Sizes } from './sizes.js'
import type { Subject } from './subjects.js'

/** time: seconds. bytes. factor: a plain number. Smaller is better for all of them. */
export type Unit = 'time' | 'bytes' | 'factor'

export interface Row {
  /** Unique within the question; results name it `question.row`. */
  readonly id: string
  readonly label: string
  readonly unit: Unit
  /** The work was done this many times: figures are shown for one of them. */
  readonly per?: number
}

export type Group = 'metadata' | 'depth' | 'data' | 'life'

export interface Setting {
  readonly sizes: Sizes
  readonly materials: Materials
}

export interface Question {
  readonly id: string
  readonly group: Group
  readonly title: string
  /** Share of the time, relative to the other questions. */
  readonly weight: number
  /** For questions whose figure does not get better by repeating. */
  readonly maxRounds?: number
  rows(sizes: Sizes): readonly Row[]
  /** Why a subject has no answer to this question; absent or undefined where it has one. */
  notFor?(subject: Subject): string | undefined
  /** Makes the layers, and returns what is done for each subject in each round. Throws Unavailable where it cannot be asked. */
  prepare(setting: Setting): (run: Run) => void
}
