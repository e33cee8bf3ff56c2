import { Module } from '@nestjs/common';
import { OverloadModule } from '../infra/overload';
import { RiskModule } from '../risk';
import { SaleModule } from '../sale';
import { ThrottleModule } from '../throttle';
import { CaptchaTokens } from './captcha-tokens';
import { CaptchaController } from './captcha.controller';
import { Captchas } from './captchas';
import { ImageCaptcha } from './image-captcha';
import { OpenChallenges } from './open-challenges';
import { PowCaptcha } from './pow-captcha';

@Module({
  imports: [RiskModule],
  providers: [Captchas, CaptchaTokens, ImageCaptcha, OpenChallenges, PowCaptcha],
  exports: [Captchas, CaptchaTokens],
})
export class CaptchaModule {}

@Module({
  imports: [CaptchaModule, OverloadModule, SaleModule, ThrottleModule],
  controllers: [CaptchaController],
})
export class CaptchaApiModule {}
