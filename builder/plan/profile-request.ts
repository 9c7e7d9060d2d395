import { resolve } from 'node:path';
import type { ProfileRequest } from '../profile/load-profile.ts';
import type { PlanRequest } from './make-plan.ts';

/** Which profile a request asks for. */
export function profileRequest({ projectDirectory, board, profile }: PlanRequest): ProfileRequest {
  return {
    projectDirectory,
    board,
    file: profile === undefined ? undefined : resolve(projectDirectory, profile),
  };
}
