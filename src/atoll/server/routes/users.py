"""Users and tokens."""

from fastapi import APIRouter, Depends, Request, Response

from atoll.engine.requests import accounts as access
from atoll.model.access import Token, User
from atoll.server.answer import answer
from atoll.server.auth import asker, forbidden, require_admin
from atoll.server.bounds import Ident, Name
from atoll.server.state import engine_of
from atoll.wire.access import IssuedToken, NewToken, NewUser, TokenView, UserView

router = APIRouter(prefix="/api")


@router.get("/users", response_model=list[UserView], dependencies=[Depends(require_admin)])
async def users(request: Request) -> Response:
    """All users."""
    return answer([_user_view(user) for user in await engine_of(request).accounts.users()])


@router.get("/users/me", response_model=UserView)
async def me(request: Request) -> Response:
    """The user of the token."""
    return answer(_user_view(asker(request)))


@router.post("/users", response_model=UserView, status_code=201, dependencies=[Depends(require_admin)])
async def create(body: NewUser, request: Request) -> Response:
    """Create a user."""
    return answer(_user_view(await access.create_user(engine_of(request).context, body.name, body.admin)), 201)


@router.delete("/users/{name}", response_model=UserView, dependencies=[Depends(require_admin)])
async def delete(name: Name, request: Request) -> Response:
    """Delete a user with memberships and tokens."""
    removed = await access.delete_user(engine_of(request).context, name)
    request.app.state.gate.forget()
    return answer(_user_view(removed))


@router.get("/tokens", response_model=list[TokenView])
async def tokens(request: Request, all: bool = False) -> Response:
    """The user's own tokens, or all for admins."""
    user = asker(request)
    if all and not user.admin:
        raise forbidden("only admins see the tokens of others")
    found = await access.list_tokens(engine_of(request).context, None if all else user.name)
    return answer([_token_view(token) for token in found])


@router.post("/tokens", response_model=IssuedToken, status_code=201)
async def issue(body: NewToken, request: Request) -> Response:
    """Create a token: for the user, or by an admin for any user."""
    user = asker(request)
    owner = user.name if body.user is None else body.user
    if owner != user.name and not user.admin:
        raise forbidden("only admins make tokens for others")
    text, token = await access.create_token(engine_of(request).context, owner, body.name, body.seconds)
    return answer(IssuedToken(text, _token_view(token)), 201)


@router.delete("/tokens/{prefix}", response_model=TokenView)
async def revoke(prefix: Ident, request: Request) -> Response:
    """Revoke a token: the user's own, or any for admins."""
    user = asker(request)
    revoked = await access.revoke_token(engine_of(request).context, prefix, None if user.admin else user.name)
    request.app.state.gate.forget()
    return answer(_token_view(revoked))


def _user_view(user: User) -> UserView:
    return UserView(user.name, user.admin, user.created_at, dict(user.roles))


def _token_view(token: Token) -> TokenView:
    return TokenView(token.prefix, token.name, token.user, token.created_at, token.expires_at, token.revoked_at)
