//! Type annotations.

use super::{Parse, Parser};
use crate::syntax::ast::{Type, TypeKind};
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    /// `: type`, if there is a colon.
    pub(super) fn annotation(&mut self) -> Parse<Option<Type>> {
        if self.eat(TokenKind::Colon) { Ok(Some(self.ty()?)) } else { Ok(None) }
    }

    /// `-> type`, if there is an arrow.
    pub(super) fn result_type(&mut self) -> Parse<Option<Type>> {
        if self.eat(TokenKind::Arrow) { Ok(Some(self.ty()?)) } else { Ok(None) }
    }

    pub(super) fn ty(&mut self) -> Parse<Type> {
        let start = self.token().span;
        let kind = match self.kind() {
            TokenKind::Ident => self.named_type()?,
            TokenKind::Null => {
                self.bump();
                TypeKind::Null
            }
            _ => {
                let inside = self.deeper()?;
                self.within(inside, Self::composed_type)?
            }
        };
        let nullable = self.eat(TokenKind::Question);
        Ok(Type { kind, nullable, span: self.since(start) })
    }

    fn named_type(&mut self) -> Parse<TypeKind> {
        let name = self.bump_name();
        if !self.at(TokenKind::Less) {
            return Ok(TypeKind::Name { name, args: Vec::new() });
        }
        let inside = self.deeper()?;
        let args = self.within(inside, Self::type_args)?;
        Ok(TypeKind::Name { name, args })
    }

    fn composed_type(&mut self) -> Parse<TypeKind> {
        match self.kind() {
            TokenKind::LeftBracket => {
                let open = self.bump().span;
                let element = Box::new(self.ty()?);
                self.close(TokenKind::RightBracket, open)?;
                Ok(TypeKind::Array(element))
            }
            TokenKind::Func => {
                self.bump();
                self.func_type()
            }
            _ => Err(self.expected("a type")),
        }
    }

    fn func_type(&mut self) -> Parse<TypeKind> {
        if !self.at(TokenKind::LeftParen) {
            return Ok(TypeKind::Func { params: None, result: None });
        }
        let open = self.bump().span;
        let params = if self.at(TokenKind::RightParen) { Vec::new() } else { self.type_list()? };
        self.close(TokenKind::RightParen, open)?;
        let result = self.result_type()?.map(Box::new);
        Ok(TypeKind::Func { params: Some(params), result })
    }

    fn type_args(&mut self) -> Parse<Vec<Type>> {
        let open = self.bump().span;
        let args = self.type_list()?;
        self.close(TokenKind::Greater, open)?;
        Ok(args)
    }

    /// One or more types with commas between them.
    fn type_list(&mut self) -> Parse<Vec<Type>> {
        let mut types = vec![self.ty()?];
        while self.eat(TokenKind::Comma) {
            types.push(self.ty()?);
        }
        Ok(types)
    }

    /// `(type, type)` or `()`: the payload of an enum variant.
    pub(super) fn payload_types(&mut self) -> Parse<Vec<Type>> {
        let open = self.bump().span;
        let types = if self.at(TokenKind::RightParen) { Vec::new() } else { self.type_list()? };
        self.close(TokenKind::RightParen, open)?;
        Ok(types)
    }
}
