import { Controller, Get, HttpCode, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentUser, Roles, type Identity } from '../../auth';
import { originOf } from '../../infra/audit';
import { Describe, pageOf, ValidBody, ValidQuery } from '../../infra/http';
import { ActiveRules } from './active-rules';
import { DryRun, type DryRunResult } from './dry-run';
import { RuleSetStore } from './rule-set-store';
import { dryRunResult, newRuleSet, ruleSetVersion, triedRuleSet, versionPage, versionQuery,
  viewOfVersion } from './rules.schemas';

type VersionView = z.infer<typeof ruleSetVersion>;

/** The rules as operators see and change them. */
@Controller()
@Roles('admin', 'risk')
export class RulesController {
  constructor(
    private readonly store: RuleSetStore,
    private readonly active: ActiveRules,
    private readonly dryRun: DryRun,
  ) {}

  @Get('admin/v1/risk/rules')
  @Describe({ summary: 'The risk rules in force', tag: 'risk',
    answers: { 200: { description: 'The rules with their version.', schema: ruleSetVersion } } })
  async read(): Promise<VersionView> {
    return viewOfVersion(await this.store.newest());
  }

  @Put('admin/v1/risk/rules')
  @Describe({ summary: 'Put other risk rules in force', tag: 'risk',
    description: 'They replace all rules, on every process within a second. Try them first: '
      + '`POST /admin/v1/risk/rules/dry-run`. To go back, put an earlier set again: '
      + 'what was read, without `version`, `createdBy` and `createdAt`.',
    answers: { 200: { description: 'The rules in force now.', schema: ruleSetVersion } },
    problems: ['RULES_CONFLICT'] })
  async replace(
    @ValidBody(newRuleSet) { note, basedOnVersion, ...set }: z.output<typeof newRuleSet>,
    @CurrentUser() { userId }: Identity,
    @Req() request: FastifyRequest,
  ): Promise<VersionView> {
    await this.store.add({ set, note, basedOnVersion }, originOf(userId, request));
    await this.active.announce();
    return this.read();
  }

  @Get('admin/v1/risk/rules/versions')
  @Describe({ summary: 'Every version of the risk rules, newest first', tag: 'risk',
    description: 'Without version 0, the rules that the product ships.',
    answers: { 200: { description: 'A page of versions.', schema: versionPage } } })
  async versions(
    @ValidQuery(versionQuery) { cursor }: z.output<typeof versionQuery>,
  ): Promise<z.infer<typeof versionPage>> {
    const { items, nextCursor } = pageOf(await this.store.list(cursor),
      ({ createdAtMs = 0, version }) => ({ atMs: createdAtMs, id: String(version) }));
    return { items: items.map(viewOfVersion), nextCursor };
  }

  @Post('admin/v1/risk/rules/dry-run')
  @HttpCode(200)
  @Describe({ summary: 'Try risk rules on the last hour', tag: 'risk',
    description: 'What would have become of the attempts to buy of the last hour. Nothing changes. '
      + 'At most 20,000 attempts are kept; counts are scaled to all of them.',
    answers: { 200: { description: 'Before and after.', schema: dryRunResult } } })
  tryOut(@ValidBody(triedRuleSet) set: z.output<typeof triedRuleSet>): Promise<DryRunResult> {
    return this.dryRun.run(set);
  }
}
