export { CaptchaTokens } from './captcha-tokens';
export { CaptchaApiModule, CaptchaModule } from './captcha.module';
