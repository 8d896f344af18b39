
function isd(c){return c>="0"&&c<="9"}
class Lexer{constructor(s){this.src=s;this.pos=0;this.toks=[]}
run(){const n=this.src.length;while(this.pos<n){const c=this.src[this.pos];if(c==" ")this.pos++;else if(isd(c)){let v=0;while(this.pos<n&&isd(this.src[this.pos])){v=v*10+parseInt(this.src[this.pos]);this.pos++}this.toks.push({kind:"num",value:v})}else{this.toks.push({kind:"op",value:c});this.pos++}}return this.toks}}
class Parser{constructor(t){this.toks=t;this.pos=0}
peek(){if(this.pos<this.toks.length)return this.toks[this.pos].value;return ""}
expr(){let v=this.term();while(this.peek()=="+"||this.peek()=="-"){const op=this.peek();this.pos++;const r=this.term();if(op=="+")v+=r;else v-=r}return v}
term(){let v=this.factor();while(this.peek()=="*"){this.pos++;v=v*this.factor()%1000003}return v}
factor(){const t=this.toks[this.pos];this.pos++;if(t.kind=="num")return t.value;const v=this.expr();this.pos++;return v}}
const src="(1 + 22) * (3 + 4 * (5 - 6)) + 789 * (12 - 7) - 4 * 4 * 4";let total=0;for(let i=0;i<4000;i++){const toks=new Lexer(src).run();total=(total+new Parser(toks).expr())%1000003}console.log(total)