import { Controller, HttpCode, Inject, Module, Post } from '@nestjs/common';
import { z } from 'zod';
import { APP_CONFIG, type AppConfig } from '../config';
import { Describe, Public, ValidBody } from '../infra/http';
import { roles, userIdPattern } from './identity';
import { mintToken } from './token';

const loginBody = z.strictObject({
  userId: z.string().regex(userIdPattern).meta({ description: 'Any name; no password is asked' }),
  roles: z.array(z.enum(roles)).max(roles.length).optional(),
}).meta({ id: 'DemoLogin', examples: [{ userId: 'alice' }] });

const loginAnswer = z.object({ token: z.string() }).meta({
  id: 'DemoToken', examples: [{ token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln' }],
});

/** Anyone may be anyone: for a demo only. */
@Controller()
class DemoLoginController {
  constructor(@Inject(APP_CONFIG) private readonly config: AppConfig) {}

  @Post('demo/login')
  @Public()
  @HttpCode(200)
  @Describe({
    summary: 'Get a token of any user, in the demo only',
    tag: 'demo',
    answers: { 200: { description: 'A token that holds for 12 hours.', schema: loginAnswer } },
  })
  login(@ValidBody(loginBody) body: z.infer<typeof loginBody>): z.infer<typeof loginAnswer> {
    return { token: mintToken(this.config, { userId: body.userId, roles: body.roles ?? [] }) };
  }
}

/** Imported only under DEMO. */
@Module({ controllers: [DemoLoginController] })
export class DemoLoginModule {}
