const N=300; class C{constructor(a,b){this.re=a;this.im=b;} add(o){return new C(this.re+o.re,this.im+o.im);} mul(o){return new C(this.re*o.re-this.im*o.im,this.re*o.im+this.im*o.re);} abs2(){return this.re*this.re+this.im*this.im;}}
function it(c){let z=new C(0,0);for(let k=0;k<60;k++){z=z.mul(z).add(c);if(z.abs2()>4)return k;}return 60;}
let t=0;for(let y=0;y<N;y++)for(let x=0;x<N;x++)t+=it(new C(x*3/N-2,y*2/N-1));console.log(t);
