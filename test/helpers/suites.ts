// suites - which cases belong to which suite, and the events a worker reports about them.
import type { Case } from './case.js'

export type Report =
  | { event: 'start'; position: number; seconds: number }
  | { event: 'end'; position: number; ms: number; error?: string }
  | { event: 'skip'; position: number; reason: string }
  | { event: 'done' }

export const SUITES = ['conformance', 'issues'] as const

export async function loadSuite(name: string): Promise<Case[]> {
  if (name === 'conformance') return (await import('../conformance/cases/index.js')).all
  if (name === 'issues') return (await import('../issues/cases/index.js')).all
  throw new Error(`no suite called ${name}; there are ${SUITES.join(', ')}`)
}

// A filter is a regular expression over "family: name".
export function selectCases(cases: Case[], filter: string): Case[] {
  const pattern = new RegExp(filter, 'i')
  return cases.filter((item) => pattern.test(`${item.family}: ${item.name}`))
}
