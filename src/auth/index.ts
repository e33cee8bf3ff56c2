export { Public } from '../infra/http';
export { CurrentUser } from './auth.guard';
export { Authenticator } from './authenticator';
export { AuthModule } from './auth.module';
export { DemoLoginModule } from './demo-login.controller';
export { type Identity, type Role, roles, Roles, userIdPattern } from './identity';
export { mintToken } from './token';
